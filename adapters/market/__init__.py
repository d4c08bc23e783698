"""Market data by source; every source is loaded into one `PriceTable`."""
