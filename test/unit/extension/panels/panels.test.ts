import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { contentSecurityPolicy } from '../../../../extension/panels/csp.ts';
import { findSource } from '../../../../extension/panels/source.ts';

describe('pages in the editor', () => {
  it('run their own script only, and connect to nothing by themselves', () => {
    const policy = contentSecurityPolicy('https://editor.example', 'n0nce', false);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'nonce-n0nce'(;|$)/);
    assert.doesNotMatch(policy, /unsafe|connect-src|\*(?!;| |$)/);
    assert.doesNotMatch(policy, /frame-src[^;]* http:(;| |$)/);
  });

  it('show the open folder’s file for a trace that names the run’s snapshot', async () => {
    const base = await realpath(await mkdtemp(path.join(os.tmpdir(), 'slipway-')));
    const project = path.join(base, 'project');
    const snapshot = path.join(base, 'snapshot', 'code');
    for (const folder of [project, snapshot]) {
      await mkdir(path.join(folder, 'lib'), { recursive: true });
      await writeFile(path.join(folder, 'lib', 'net.py'), '');
    }
    await writeFile(path.join(snapshot, 'only.py'), '');
    const inProject = path.join(project, 'lib', 'net.py');
    assert.equal(await findSource(path.join(snapshot, 'lib', 'net.py'), [project]), inProject);
    assert.equal(await findSource('lib/net.py', [project]), inProject);
    assert.equal(await findSource(path.join(snapshot, 'only.py'), [project]), path.join(snapshot, 'only.py'));
    assert.equal(await findSource('nowhere.py', [project]), undefined);
    await rm(base, { recursive: true });
  });
});
