/**
 * Selects the things to try where a model is in use: a page whose model is on its way shows them
 * before.
 */
export const READY = ".try:not(.coming)";
