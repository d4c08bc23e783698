"""Deterministic policies behind the chat-model interface: the yardstick of every comparison.

They make real tool calls and validated outputs, need no key and use no randomness.
"""
