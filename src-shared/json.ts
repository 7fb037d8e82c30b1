/** Plain JSON values; what crosses processes, the store and reports. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
