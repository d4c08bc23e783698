"""The six agents: a record each, and one `Agent` that runs a record.

A record is a name, a prompt, tools and an output type. Agents see the world only through the tool
session handed to them; no vendor, no store, no clock here.
"""
