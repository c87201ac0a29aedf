def explain(p,m): return m
