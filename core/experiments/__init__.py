"""What the pages find out: studies of autograd, memory, buffers and training, beside no operator of torch's own."""
