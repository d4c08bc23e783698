"""What we need from the outside, as Protocols with their contracts in prose.

No implementation; adapters of the same name fulfil them and pass their contract suite.
"""
