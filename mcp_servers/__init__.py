"""Thin typed tools over the rooms below; the only door for order intents is `trading`.

A tool validates, calls one function, and answers in a schema; no rule of its own.
"""
