"""The checkpoint that ``framing.load("accurate")`` opens. There is no code here; framing finds the folder by itself."""
