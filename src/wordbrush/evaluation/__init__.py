"""The paper's tests, where and when matchmaps fire, and what units and concepts stand for."""
