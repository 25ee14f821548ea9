"""What `fruit submit` does on this machine: it reads the request, finds a place, estimates and asks AWS."""
