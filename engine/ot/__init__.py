"""Oblivious transfer: how two parties get correlated secrets that neither could have chosen alone.

Three steps, each a function of arrays and messages without a channel inside:

* :mod:`engine.ot.base_ot`: 128 base OTs per ordered pair of parties by elliptic curves (once per session);
* :mod:`engine.ot.ggm`: from these, pseudorandom functions that one side knows but for one point;
* :mod:`engine.ot.softspoken`: from these, authenticated bits by the million.
"""
