"""Every outcome of the toy up to a bound: the protocol of `sim` as values, walked by a search. Above `sim`, which does not know it."""
