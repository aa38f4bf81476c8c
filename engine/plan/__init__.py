"""What a run would ask, cost and take, told before it starts; nothing here sends or writes."""
