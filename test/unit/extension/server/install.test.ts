import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { dataFolder } from '../../../../extension/server/dataFolder.ts';
import { serverEnvironment } from '../../../../extension/server/environment.ts';
import {
  buildDigest,
  installServer,
  removeOldVersions,
  serverEntry,
  writeLauncher,
} from '../../../../extension/server/install.ts';

describe('installing the control plane', () => {
  let base: string;
  let source: string;
  let folder: string;
  beforeEach(async () => {
    base = await mkdtemp(path.join(os.tmpdir(), "slipway it's-"));
    source = path.join(base, 'extension');
    folder = path.join(base, 'data');
    await mkdir(path.join(source, 'dist/server/parts'), { recursive: true });
    await writeFile(path.join(source, 'package.json'), '{"type":"commonjs"}');
    await writeFile(serverEntry(source), 'console.log(JSON.stringify(process.argv.slice(2)));');
    await writeFile(path.join(source, 'dist/extension.cjs'), '');
  });
  afterEach(() => rm(base, { recursive: true }));

  it('copies what the server needs, and not the extension', async () => {
    const copy = await installServer(source, folder, '1.0.0');
    assert.deepEqual((await readdir(copy)).sort(), ['dist', 'package.json']);
    assert.deepEqual(await readdir(path.join(copy, 'dist')), ['server']);
  });

  it('several windows at once end with one whole copy and nothing beside it', async () => {
    await Promise.all(Array.from({ length: 5 }, () => installServer(source, folder, '1.0.0')));
    assert.deepEqual(await readdir(path.join(folder, 'versions')), ['1.0.0']);
  });

  it('a copy that is there is not touched again: a running server reads it', async () => {
    const copy = await installServer(source, folder, '1.0.0');
    await writeFile(serverEntry(source), 'changed');
    await installServer(source, folder, '1.0.0');
    assert.doesNotMatch(await readFile(serverEntry(copy), 'utf8'), /^changed/);
  });

  it('the launcher passes its arguments on, from any path', async () => {
    const copy = await installServer(source, folder, '1.0.0');
    const launcher = await writeLauncher(folder, process.execPath, copy);
    const output = execFileSync(launcher, ['run', 'start', '--', "it's $HOME"], { encoding: 'utf8' });
    assert.deepEqual(JSON.parse(output), ['run', 'start', '--', "it's $HOME"]);
  });

  it('keeps the newest copies and the one in use', async () => {
    for (const [age, version] of ['1.0.0', '2.0.0', '3.0.0', '4.0.0', '5.0.0'].entries()) {
      const copy = await installServer(source, folder, version);
      await utimes(copy, 1000 + age, 1000 + age);
    }
    await removeOldVersions(folder, '1.0.0');
    assert.deepEqual((await readdir(path.join(folder, 'versions'))).sort(), ['1.0.0', '3.0.0', '4.0.0', '5.0.0']);
  });

  it('two builds of one version have different digests', async () => {
    const before = await buildDigest(source);
    assert.equal(await buildDigest(source), before);
    await writeFile(serverEntry(source), 'changed');
    assert.notEqual(await buildDigest(source), before);
  });
});

describe('environment of the control plane', () => {
  it('passes paths, locale, proxies and tool settings on, and nothing that an editor or a person keeps there', () => {
    const secrets = {
      GITHUB_TOKEN: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      VSCODE_IPC_HOOK: 'x',
      NODE_OPTIONS: 'x',
      PIPE: 'x',
    };
    const wanted = { PATH: '/bin', LC_ALL: 'C', https_proxy: 'p', NO_PROXY: 'n', UV_INDEX_URL: 'u', SLIPWAY_X: '1' };
    assert.deepEqual(serverEnvironment({ ...secrets, ...wanted }), { ELECTRON_RUN_AS_NODE: '1', ...wanted });
  });
});

describe('data folder', () => {
  it('is the setting, else SLIPWAY_DATA, else the platform’s', () => {
    assert.equal(dataFolder('~/s', {}, 'linux', '/home/a'), '/home/a/s');
    assert.equal(dataFolder(' ', { SLIPWAY_DATA: '/d' }, 'linux', '/home/a'), '/d');
    assert.equal(dataFolder('', { XDG_DATA_HOME: '/x' }, 'linux', '/home/a'), '/x/slipway');
    assert.equal(dataFolder('', { XDG_DATA_HOME: 'relative' }, 'linux', '/home/a'), '/home/a/.local/share/slipway');
    assert.equal(dataFolder('', {}, 'darwin', '/Users/a'), '/Users/a/Library/Application Support/slipway');
  });
});
