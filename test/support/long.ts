/** Whether tests run in their long form (LONG_TESTS=1): with more steps, and what a short form covers nearly as well. */
export const isLong = process.env.LONG_TESTS !== undefined && process.env.LONG_TESTS !== '';
