import fc from 'fast-check';

/** A mutant that a property notices is noticed within a few examples; hundreds of mutants run one after the other. */
fc.configureGlobal({ numRuns: 20 });
