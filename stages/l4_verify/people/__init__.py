"""Review by people: sampling plans, lots, the queue, the page, agreement and estimates."""
