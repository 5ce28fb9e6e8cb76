// Property tests draw the same cases in every run, so that a red run is red again; SLIPWAY_TEST_SEED draws others
// (a number, or `random`).

import fc from 'fast-check';

const asked = process.env['SLIPWAY_TEST_SEED'] ?? '1';
if (asked !== 'random') fc.configureGlobal({ seed: Number(asked) });
