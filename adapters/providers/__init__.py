"""Where data is fetched: one vendor a file, and the manners they share.

`pace` keeps to a vendor's limit and is the only layer that retries; `http` asks and distrusts
every answer; `fallback` asks one provider after the other. No key leaves this package: not in an
error, not in a log line, not in the chain behind an error.
"""
