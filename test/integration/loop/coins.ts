/** A small project that is one command a step: what it trains is the side of a coin. */
import { mkdir, writeFile } from 'node:fs/promises';
import type { Place } from './place.ts';

const yaml = `
project: coins
train:
  run: 'echo began >> $SLIPWAY_OUTPUT/../../../began; mkdir -p $SLIPWAY_OUTPUT/model && echo {side} > $SLIPWAY_OUTPUT/model/coin && printf "{\\"heads\\": {side}}" > $SLIPWAY_METRICS'
  params: { side: 1 }
  objective: { metric: heads, goal: maximize }
sweep: { sampler: grid, trials: 2, parallel: 2, space: { side: { choice: [1, 2] } } }
validate: { run: 'cp $SLIPWAY_INPUT_MODEL/coin . && printf "{\\"heads\\": 1}" > $SLIPWAY_METRICS', gates: [ { metric: heads, min: 0.5 } ] }
`;

/** Writes the project. Each start of its training adds a line to the file `began` of the data folder. @returns its folder */
export async function makeCoins(place: Place): Promise<string> {
  const folder = place.path('coins');
  await mkdir(folder);
  await writeFile(place.path('coins', 'slipway.yaml'), yaml);
  return folder;
}
