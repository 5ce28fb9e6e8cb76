import assert from 'node:assert/strict';
import { tabTitles } from '../../../../extension/panels/titles.ts';

const run = (id: string, title: string) => ({ route: { page: 'run', id } as const, title });

describe('titles of tabs', () => {
  it('runs of one title are told apart by the end of their id, as long as both are open', () => {
    const first = run('r0000000aaaa', 'train digits');
    const second = run('r0000000bbbb', 'train digits');
    const other = run('r0000000cccc', 'preprocess digits');
    assert.deepEqual(tabTitles([first, second, other]), [
      'train digits · aaaa',
      'train digits · bbbb',
      'preprocess digits',
    ]);
    assert.deepEqual(tabTitles([second, other]), ['train digits', 'preprocess digits']);
  });

  it('pages of different kinds and the same name keep what they are called, where they have no id', () => {
    const endpoint = { route: { page: 'endpoint', name: 'digits' } as const, title: 'digits' };
    assert.deepEqual(tabTitles([endpoint, run('r1abcd', 'digits')]), ['digits', 'digits · abcd']);
  });
});
