"""What a pipeline is: its file, its steps, their parameters and the graph they make."""
