import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import {
  compareCodePoints,
  dirDigest,
  dirManifest,
  folderDigests,
  isRelpath,
  listing,
  parseDirManifest,
  parseListing,
} from '../../../../server/domain/dataset/manifest.ts';

const NASTY_NAMES = [
  '\u{1F600}.txt',
  '\uFF21.txt',
  'back\\slash',
  'new\nline',
  'carriage\rreturn',
  '"quotes" and \'quotes\'',
  '한국어/파일.txt',
  'x'.repeat(250),
  'é',
  'e\u0301',
  'del\u007f',
  '\ufeffbom',
  ' lead and trail ',
  '-n',
  'a-b/c',
  'a/c',
  'a.b/c',
  '*?[]{}$HOME`',
];

const segment = fc
  .string({ unit: 'grapheme-composite', minLength: 1, maxLength: 12 })
  .filter((name) => isRelpath(name) && !name.includes('/') && Buffer.byteLength(name) < 200);
const relpaths = fc.uniqueArray(
  fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  {
    minLength: 1,
    maxLength: 12,
  },
);

function entry(relpath: string) {
  const content = `content of ${relpath}`;
  const digest = (name: string) => createHash(name).update(content).digest('hex');
  return { relpath, md5: digest('md5'), sha256: digest('sha256'), bytes: Buffer.byteLength(content) };
}

describe('dataset manifest', function () {
  this.timeout(30_000);
  it('is, byte for byte, what DVC 3 wrote for the same folder', () => {
    const manifest = dirManifest([
      { relpath: '\u{1F600}.txt', md5: 'cf9984443d6a477276061c07336d73b2' },
      { relpath: '\uFF21.txt', md5: 'aeb9c84f49f3c52ceaa4956d02289473' },
      { relpath: 'a/c', md5: 'a4ff1cc82651551ddcf9b630ce9cd6df' },
      { relpath: 'a-b/c', md5: '50399804ae1a18759a1bcfd56fc3a6cb' },
      { relpath: 'del\u007f', md5: 'c8a754c504b83e7acee26c7da25ea083' },
    ]);
    assert.equal(
      manifest,
      '[{"md5": "50399804ae1a18759a1bcfd56fc3a6cb", "relpath": "a-b/c"}, ' +
        '{"md5": "a4ff1cc82651551ddcf9b630ce9cd6df", "relpath": "a/c"}, ' +
        '{"md5": "c8a754c504b83e7acee26c7da25ea083", "relpath": "del\\u007f"}, ' +
        '{"md5": "aeb9c84f49f3c52ceaa4956d02289473", "relpath": "\\uff21.txt"}, ' +
        '{"md5": "cf9984443d6a477276061c07336d73b2", "relpath": "\\ud83d\\ude00.txt"}]',
    );
  });

  it("is what Python's json.dumps writes for any names", function () {
    this.timeout(20_000);
    const names = fc.sample(relpaths, { numRuns: 200, seed: 1 });
    const script =
      'import json,sys\n' +
      'for names in json.load(sys.stdin):\n' +
      ' print(json.dumps(sorted([{"relpath": n, "md5": "0"*32} for n in names], key=lambda e: e["relpath"]), sort_keys=True))';
    const expected = execFileSync('python3', ['-c', script], { input: JSON.stringify([...names, NASTY_NAMES]) });
    const actual = [...names, NASTY_NAMES].map((each) =>
      dirManifest(each.map((relpath) => ({ relpath, md5: '0'.repeat(32) }))),
    );
    assert.deepEqual(actual, expected.toString('ascii').trimEnd().split('\n'));
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(relpaths, (names) => {
        const entries = names.map((relpath) => ({ relpath, md5: '0'.repeat(32) }));
        const read = parseDirManifest(dirManifest(entries));
        assert.deepEqual(read.map(({ relpath }) => relpath).sort(), [...names].sort());
      }),
    );
  });

  it('refuses names that would leave the dataset, doubled names, and what is no manifest', () => {
    const md5 = '0'.repeat(32);
    for (const relpath of ['../x', '/etc/passwd', 'a/../../x', 'a//b', './a', '', 'a\0b', 'a/', '\ud800']) {
      assert.throws(() => parseDirManifest(JSON.stringify([{ md5, relpath }])), { code: 'dataset.manifest' }, relpath);
    }
    const twice = JSON.stringify([
      { md5, relpath: 'a' },
      { md5, relpath: 'a' },
    ]);
    for (const text of [
      twice,
      '{}',
      '[null]',
      '[1]',
      'not json',
      '[{"relpath":"a"}]',
      '[{"md5":"../../x","relpath":"a"}]',
    ]) {
      assert.throws(() => parseDirManifest(text), { code: 'dataset.manifest' }, text);
    }
  });

  it('is named by the md5 of its bytes and .dir', () => {
    assert.equal(dirDigest('[]'), 'd751713988987e9331980363e24189ce.dir');
  });

  it('is refused for an empty dataset', () => {
    assert.throws(() => folderDigests([]), { code: 'dataset.empty' });
  });

  it('orders names by code points, as the bytes of UTF-8 are ordered', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const bytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
        assert.equal(Math.sign(compareCodePoints(a, b)), bytes);
      }),
    );
  });
});

describe('dataset listing', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-listing-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What INTERFACE promises that anyone can run in a checkout. */
  const shellListing = () =>
    execFileSync('sh', ['-c', 'find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum'], { cwd: folder });

  function write(names: string[]): void {
    for (const name of names) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), `content of ${name}`);
    }
  }

  it('is what find, sort and sha256sum print, for nasty names', () => {
    write(NASTY_NAMES);
    const entries = NASTY_NAMES.map(entry);
    assert.equal(listing(entries), shellListing().toString());
    assert.equal(folderDigests(entries).sha256, createHash('sha256').update(shellListing()).digest('hex'));
  });

  it('is what find, sort and sha256sum print, for any names', () => {
    fc.assert(
      fc.property(relpaths, (names) => {
        const prefixFree = names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)));
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(folder);
        write(prefixFree);
        assert.equal(listing(prefixFree.map(entry)), shellListing().toString());
      }),
      { numRuns: 40 },
    );
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(relpaths, (names) => {
        const read = parseListing(listing(names.map(entry)));
        assert.deepEqual(new Set(read.map(({ relpath }) => relpath)), new Set(names));
      }),
    );
    assert.deepEqual(
      new Set(parseListing(listing(NASTY_NAMES.map(entry))).map((e) => e.relpath)),
      new Set(NASTY_NAMES),
    );
  });
});
