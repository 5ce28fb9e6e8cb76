// Datasets through the built command: pushed to and pulled from a real MinIO and a folder, by Slipway and by the real dvc.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePlace, type Place, type Server } from '../loop/place.ts';
import { type Minio, minioProgram, objectsIn, startMinio } from './minio.ts';

const dvcProgram = process.env['SLIPWAY_TEST_DVC'];

interface Added {
  dataset: string;
  version: number;
  digest: string;
  sha256: string;
  files: number;
  bytes: number;
}

describe('datasets in remotes', function () {
  this.timeout(300_000);
  let place: Place;
  let server: Server;
  let minio: Minio;

  before(async function () {
    if (!minioProgram || !dvcProgram) {
      console.log('      SLIPWAY_TEST_MINIO or SLIPWAY_TEST_DVC names no program');
      this.skip();
    }
    place = await makePlace();
    minio = await startMinio(place.path('minio'));
    server = await place.serve();
  });
  after(async () => {
    await server?.stop();
    await minio?.stop();
    await place?.close();
  });

  const run = (...args: string[]) =>
    place.slipway(['dataset', ...args, '--data', place.data, '--json'], { env: minio.env });
  async function dataset<T = Added>(...args: string[]): Promise<T> {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 0, stderr + stdout);
    return JSON.parse(stdout) as T;
  }
  async function refused(code: string, ...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 1, stdout);
    assert.ok((stdout + stderr).includes(code), `${code} is not in ${stdout}${stderr}`);
    return stdout + stderr;
  }
  const write = (name: string, files: Record<string, string>) => {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(join(place.path(name), file, '..'), { recursive: true });
      writeFileSync(join(place.path(name), file), content);
    }
    return place.path(name);
  };
  const nasty = Object.fromEntries(
    ['a', 'b c/한국어', '\u{1F600}', '\uFF21', 'back\\slash', 'new\nline', 'x'.repeat(250)].map((name) => [
      name,
      `of ${name}`,
    ]),
  );
  const objectFile = (digest: string) => place.path('data/objects/files/md5', digest.slice(0, 2), digest.slice(2));
  const bucketFile = (key: string) => globSync(`${minio.folder}/data/${key}/xl.meta`)[0]!;
  const dvc = (cwd: string, ...args: string[]) =>
    execFileSync(dvcProgram!, args, {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, ...minio.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const newRepository = (name: string, remote: string) => {
    const folder = place.path(name);
    mkdirSync(folder, { recursive: true });
    execFileSync('git', ['init', '-q'], { cwd: folder });
    dvc(folder, 'init', '-q');
    dvc(folder, 'remote', 'add', '-q', '-d', 'origin', remote);
    if (remote.startsWith('s3:'))
      dvc(folder, 'remote', 'modify', 'origin', 'endpointurl', minio.env['AWS_ENDPOINT_URL']!);
    return folder;
  };

  it('pushes what `dvc pull` reads, byte for byte, and sends nothing twice', async () => {
    const added = await dataset('add', write('nasty', nasty), '--name', 'nasty');
    const first = await dataset<{ objects: number }>('push', 'nasty', '--remote', 's3://data/shared');
    assert.equal(first.objects, added.files + 1);
    const again = await dataset<{ objects: number }>('push', 'nasty', '--remote', 's3://data/shared');
    assert.equal(again.objects, 0);
    const repository = newRepository('reader', 's3://data/shared');
    writeFileSync(join(repository, 'nasty.dvc'), `outs:\n- md5: ${added.digest}\n  hash: md5\n  path: nasty\n`);
    dvc(repository, 'pull', '-q');
    for (const [name, content] of Object.entries(nasty)) {
      assert.equal(readFileSync(join(repository, 'nasty', name), 'utf8'), content);
    }
  });

  it('pulls what `dvc push` wrote, with the digests that a shell computes', async () => {
    const repository = newRepository('writer', 's3://data/of-dvc');
    cpSync(place.path('nasty'), join(repository, 'images'), { recursive: true });
    dvc(repository, 'add', '-q', 'images');
    dvc(repository, 'push', '-q');
    const digest = /md5: ([0-9a-f]{32}\.dir)/.exec(readFileSync(join(repository, 'images.dvc'), 'utf8'))![1]!;
    rmSync(place.path('data/objects/files'), { recursive: true, force: true });
    const pulled = await dataset('pull', 'images', '--remote', 's3://data/of-dvc', '--digest', digest);
    assert.deepEqual([pulled.digest, pulled.files], [digest, Object.keys(nasty).length]);
    await dataset('checkout', 'images', '--to', place.path('out'));
    const command = 'find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum';
    const shell = execFileSync('sh', ['-c', command], { cwd: place.path('out'), encoding: 'utf8' });
    assert.equal(pulled.sha256, shell.slice(0, 64));
    assert.equal((await run('verify', 'images')).status, 0);
    await dataset('add', place.path('nasty'), '--name', 'nasty', '--rehash');
  });

  it('pulls the newest pushed version by name, from S3 and from a folder', async () => {
    for (const remote of ['s3://data/by-name', place.path('nas')]) {
      write('growing', { a: '1' });
      await dataset('add', place.path('growing'), '--name', 'growing');
      await dataset('push', 'growing', '--remote', remote);
      write('growing', { [`b-${remote.length}`]: '2' });
      const { digest } = await dataset('add', place.path('growing'), '--name', 'growing');
      await dataset('push', 'growing', '--remote', remote);
      await dataset('delete', 'growing', '--yes');
      await dataset('gc', '--grace', '0s');
      const pulled = await dataset('pull', 'growing', '--remote', remote);
      assert.equal(pulled.digest, digest);
      assert.equal((await run('verify', 'growing', '--remote', remote)).status, 0);
    }
  });

  it('finds a flipped bit in the bucket and in a folder, names the file, and does not take it for the data', async () => {
    await dataset('push', 'nasty', '--remote', place.path('nas2'));
    const md5 = execFileSync('md5sum', [place.path('nasty/a')], { encoding: 'utf8' }).slice(0, 32);
    const key = `files/md5/${md5.slice(0, 2)}/${md5.slice(2)}`;
    const file = join(place.path('nas2'), key);
    chmodSync(file, 0o644);
    writeFileSync(file, 'oF a');
    const said = await run('verify', 'nasty', '--remote', place.path('nas2'));
    assert.equal(said.status, 1);
    const { problems } = JSON.parse(said.stdout) as { problems: { relpath?: string; message: string }[] };
    assert.deepEqual([problems.length, problems[0]!.relpath], [1, 'a']);

    await dataset('push', 'nasty', '--remote', 's3://data/flipped');
    const meta = bucketFile(`flipped/${key}`);
    const bytes = readFileSync(meta);
    const at = bytes.indexOf('of a');
    assert.ok(at > 0, 'small objects stand in their metadata');
    bytes[at]! ^= 1;
    writeFileSync(meta, bytes);
    const inBucket = await run('verify', 'nasty', '--remote', 's3://data/flipped');
    assert.equal(inBucket.status, 1);
    assert.match(inBucket.stdout, /"relpath":"a"/);
    assert.equal((await run('verify', 'nasty')).status, 0);
    chmodSync(objectFile(md5), 0o644);
    writeFileSync(objectFile(md5), 'oF a');
    assert.equal((await run('verify', 'nasty')).status, 1);
    await refused('object.damaged', 'push', 'nasty', '--remote', 's3://data/elsewhere');
    assert.deepEqual(await objectsIn(minio, 'elsewhere/slipway/datasets/'), []);
    rmSync(objectFile(md5));
    await refused('remote.damaged', 'pull', 'nasty', '--remote', place.path('nas2'));
    await dataset('pull', 'nasty', '--remote', 's3://data/shared');
    assert.equal((await run('verify', 'nasty')).status, 0);
  });

  it('says what is wrong with an address, a bucket and credentials, and shows no secret', async () => {
    await refused('remote.address', 'push', 'nasty', '--remote', 'ftp://host/x');
    await refused('remote.noBucket', 'push', 'nasty', '--remote', 's3://no-such-bucket/x');
    await refused('remote.noDataset', 'pull', 'other', '--remote', 's3://data/shared');
    const env = { ...minio.env, AWS_SECRET_ACCESS_KEY: 'a-wrong-secret' };
    const wrong = await place.slipway(
      ['dataset', 'push', 'nasty', '--remote', 's3://data/x', '--data', place.data, '--json'],
      { env },
    );
    assert.match(wrong.stdout + wrong.stderr, /remote\.credentials/);
    const texts = [wrong.stdout, wrong.stderr, server.running.said.stdout, server.running.said.stderr];
    for (const name of readdirSync(place.data)) {
      if (/\.(log|json|jsonl)$|slipway\.db/.test(name)) texts.push(readFileSync(place.path('data', name), 'latin1'));
    }
    for (const secret of ['a-wrong-secret', minio.env['AWS_SECRET_ACCESS_KEY']!]) {
      assert.ok(!texts.some((text) => text.includes(secret)), 'a secret stands in an output or a file');
    }
  });

  it('in a DVC repository keeps the bytes in its cache, so that `dvc status` has nothing to say and `dvc push` sends them', async () => {
    const repository = newRepository('ours', 's3://data/ours');
    cpSync(place.path('nasty'), join(repository, 'images'), { recursive: true });
    const added = await dataset('add', join(repository, 'images'), '--name', 'in-dvc');
    assert.equal(dvc(repository, 'status', '--json').trim(), '{}');
    dvc(repository, 'push', '-q');
    const objects = await objectsIn(minio, 'ours/files/md5/');
    assert.equal(objects.length, added.files + 1);
    assert.equal((await run('verify', 'in-dvc')).status, 0);
    await dataset('checkout', 'in-dvc', '--to', place.path('from-dvc'));
    assert.equal(readFileSync(place.path('from-dvc', 'a'), 'utf8'), 'of a');
  });

  it('frees what nothing leads to, keeps what anything leads to, and only tells in a dry run', async () => {
    write('kept', { shared: 'both', own: 'kept' });
    write('gone', { shared: 'both', own: 'gone' });
    await dataset('add', place.path('kept'), '--name', 'kept');
    await dataset('add', place.path('gone'), '--name', 'gone');
    await dataset('delete', 'gone', '--yes');
    assert.equal((await dataset<{ objects: number }>('gc')).objects, 0);
    const dry = await dataset<{ objects: number }>('gc', '--dry-run', '--grace', '0s');
    assert.ok(dry.objects >= 2);
    const real = await dataset<{ objects: number }>('gc', '--grace', '0s');
    assert.equal(real.objects, dry.objects);
    for (const name of ['kept', 'nasty', 'images']) assert.equal((await run('verify', name)).status, 0, name);
    const verified = await place.slipway(['receipts', 'verify', '--data', place.data, '--json']);
    assert.equal(verified.status, 0, verified.stdout);
    assert.match(verified.stdout, /dataset:gone@v1/);
    const back = await dataset('add', place.path('gone'), '--name', 'gone');
    assert.equal(back.version, 2);
    assert.equal((await run('verify', 'gone')).status, 0);
  });

  it("erases one person's files from every version, with bytes and names", async () => {
    write('people', { 'p1/scan': 'of one', 'p2/scan': 'of two' });
    await dataset('add', place.path('people'), '--name', 'people');
    write('people', { 'p3/copy': 'of one', 'p3/scan': 'of three' });
    await dataset('add', place.path('people'), '--name', 'people');
    const erased = await dataset<{ deleted: number[]; version: number; kept: number }>(
      'erase',
      'people',
      '--path',
      'p1/',
      '--yes',
    );
    assert.deepEqual([erased.deleted, erased.version, erased.kept], [[1, 2], 3, 0]);
    await dataset('checkout', 'people', '--to', place.path('people-out'));
    assert.deepEqual(globSync('**/*', { cwd: place.path('people-out') }).sort(), ['p2', 'p2/scan', 'p3', 'p3/scan']);
    const files = readdirSync(place.path('data/objects'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    for (const entry of files) {
      const content = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      assert.ok(!content.includes('of one') && !content.includes('p1/scan'), `${entry.name} still has it`);
    }
    assert.equal((await run('verify', 'people')).status, 0);
    await refused('dataset.noFile', 'erase', 'people', '--path', 'p1/', '--yes');
  });
});
