import { setFlagsFromString } from 'node:v8';

// Without this flag, V8 lets the space for new objects grow to tens of megabytes before it collects garbage. With it, a
// study of 10,000 steps takes 160 MB instead of 270, and runs as fast. A file of its own, as it is set before anything is compiled: V8
// takes no code from a cache that was made with other flags.
setFlagsFromString('--semi-space-growth-factor=1');
