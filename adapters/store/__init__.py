"""The store: MongoDB through PyMongo, embedded or elsewhere, one code path for both.

`connect.open_store` is the door. `codec` turns messages into documents and back; `embedded`,
`supervisor` and `server` keep a server alive under the home folder when no URI is given; one
repository a file, each with the indexes it needs. Nothing here decides what a document means.
"""
