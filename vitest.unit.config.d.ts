/** The tests that need neither a broker nor another process: `npm run test:unit`, and what `npm run mutate` runs. */
declare const _default: import("vite").UserConfig;
export default _default;
