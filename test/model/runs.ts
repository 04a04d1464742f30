// How long the model-based tests look, and where they start: MODEL_RUNS=10000 looks for longer, MODEL_SEED and
// MODEL_PATH, as a failure names them, look at that one again.

export const RUNS = Number(process.env.MODEL_RUNS ?? 100);
/** ms that they may take, shrinking included, before it is told how far they came; a test may take twice as long */
export const LIMIT_MS = 60_000 + RUNS * 100;

const { MODEL_SEED: seed, MODEL_PATH: path } = process.env;
export const START = { ...(seed && { seed: Number(seed) }), ...(path && { path }) };
