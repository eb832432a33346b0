"""Speed and accuracy beside other libraries: `make bench`."""
