"""Circuit breakers: when trading stops by itself, over `BreakerLimits`.

`marks` says what an account's session came to with deposits and withdrawals taken out; `watch` is
fed such marks and says what tripped and what is still allowed; `cusum` is Page's test; `portfolio`
looks at several strategies together. Everything is a value made of marks alone: no clock, no store.
"""
