/** The tests of `npm run test:unit`, with one source changed as worker.ts has it at the moment. */
declare const _default: Record<string, any>;
export default _default;
