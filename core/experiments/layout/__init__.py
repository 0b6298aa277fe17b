"""How torch lays a tensor out in memory: reasoning in integers, no tensor touched."""
