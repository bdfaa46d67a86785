"""How fast d4sci is, and how much memory it takes, side by side with its peers.

python -m benchmarks [--quick] [--only TEXT] [rows] [paths] [scaling] [course] [bands]
"""
