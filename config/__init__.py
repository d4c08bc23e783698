"""Typed settings, YAML defaults and logging set-up.

The only room that reads the environment.
"""
