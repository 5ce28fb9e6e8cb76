import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { exportJson, exportScalars } from '../../../server/metrics/export.ts';
import { tailLogdir } from '../../../server/metrics/tail.ts';
import { eventFile, record, recordHead, scalarEvent, versionEvent } from '../../unit/metrics/eventWriter.ts';
import { requirePython, runPython } from './python.ts';

/** Every scalar as TensorBoard's own EventAccumulator reads it: run → tag → [step, wall time, value]. */
const READ_WITH_TENSORBOARD = `
import json, os, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util
root = sys.argv[1]
def number(x):
    x = float(x)
    return x if x == x and abs(x) != float('inf') else {'nan': 'NaN', 'inf': 'Infinity', '-inf': '-Infinity'}[str(x)]
runs = {}
for folder, _, files in os.walk(root):
    if not any('tfevents' in f for f in files): continue
    accumulator = EventAccumulator(folder, size_guidance={'scalars': 0, 'tensors': 0}, purge_orphaned_data=False)
    accumulator.Reload()
    tags = {}
    for tag in accumulator.Tags()['scalars']:
        tags[tag] = [[e.step, e.wall_time, number(e.value)] for e in accumulator.Scalars(tag)]
    for tag in accumulator.Tags()['tensors']:
        if accumulator.SummaryMetadata(tag).plugin_data.plugin_name != 'scalars': continue
        tags[tag] = [[e.step, e.wall_time, number(tensor_util.make_ndarray(e.tensor_proto).item())] for e in accumulator.Tensors(tag)]
    runs[os.path.relpath(folder, root)] = tags
print(json.dumps(runs))
`;

const WRITE_WITH_TENSORBOARDX = `
import sys, random, numpy
from tensorboardX import SummaryWriter
random.seed(1)
for run in ['.', 'a', 'a/b', 'sweep/trial=1, lr=0.1']:
    with SummaryWriter(sys.argv[1] + '/' + run) as writer:
        for step in range(300):
            for tag in ['train/loss', 'val/정확도', 'lr']:
                writer.add_scalar(tag, random.gauss(0, 1) * 10 ** random.randint(-30, 30), step * 3 - 5)
            writer.add_scalar('special', [float('nan'), float('inf'), -float('inf'), -0.0, 1e-42][step % 5], step)
            if step % 100 == 0:
                writer.add_histogram('weights', numpy.random.randn(100), step)
                writer.add_image('image', numpy.zeros((3, 4, 4)), step)
                writer.add_text('note', 'text', step)
        writer.add_scalars('group', {'x': 1.0, 'y': 2.0}, 7)
        writer.add_hparams({'lr': 0.1}, {'accuracy': 0.5})
`;

/** TensorBoard's own writer, with tensors of the scalars plugin as TensorFlow 2 and PyTorch (new style) write them. */
const WRITE_WITH_TENSORBOARD = `
import sys, numpy
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.scalar import metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util
for run in ['one', 'two']:
    for part in range(2):
        writer = EventFileWriter(sys.argv[1] + '/' + run, filename_suffix='.%d' % part)
        def put(step, value):
            summary = summary_pb2.Summary(value=value)
            writer.add_event(event_pb2.Event(wall_time=1700000000 + step / 7, step=step, summary=summary))
        for step in range(part * 100, part * 100 + 100):
            values = []
            for dtype in ['float32', 'float64']:
                meta = metadata.create_summary_metadata('', '') if step == 0 else None
                number = numpy.array([float('nan'), float('inf'), 1 / 3, 1e300 if dtype == 'float64' else 1e30][step % 4], dtype)
                values.append(summary_pb2.Summary.Value(tag=dtype, tensor=tensor_util.make_tensor_proto(number), metadata=meta))
            put(step, values)
            put(step, [summary_pb2.Summary.Value(tag='old', simple_value=step * 0.1)])
        writer.close()
`;

type Runs = Record<string, Record<string, [number, number, number | string][]>>;

describe('the event file reader against TensorBoard', function () {
  this.timeout(120_000);
  before(function () {
    requirePython(this);
  });
  let logdir: string;
  beforeEach(() => {
    logdir = mkdtempSync(path.join(os.tmpdir(), 'slipway-accumulator-'));
  });
  afterEach(() => rmSync(logdir, { recursive: true, force: true }));

  const exported = async (mayHaveProblems = false): Promise<Runs> => {
    const { runs, problems } = JSON.parse([...exportJson(await exportScalars(logdir))].join(''));
    if (!mayHaveProblems) assert.deepEqual(problems, []);
    const zip = ({ steps, wallTimes, values }: Record<string, unknown[]>) =>
      steps!.map((step, i) => [step, wallTimes![i], values![i]]);
    const tagsOf = (tags: Record<string, Record<string, unknown[]>>) =>
      Object.fromEntries(Object.entries(tags).map(([tag, series]) => [tag, zip(series)]));
    return Object.fromEntries(
      runs.map(({ run, tags }: { run: string; tags: never }) => [run, tagsOf(tags)]),
    ) as unknown as Runs;
  };

  it('gives the same runs, tags, steps, times and values for what tensorboardX writes', async () => {
    await runPython(WRITE_WITH_TENSORBOARDX, logdir);
    const found = await exported();
    assert.deepEqual(found, await runPython(READ_WITH_TENSORBOARD, logdir));
    assert.equal(found['a/b']?.['special']?.length, 300);
  });

  it('gives the same for tensors that TensorBoard’s own writer writes, in several files a run', async () => {
    await runPython(WRITE_WITH_TENSORBOARD, logdir);
    const found = await exported();
    assert.deepEqual(found, await runPython(READ_WITH_TENSORBOARD, logdir));
    assert.deepEqual(Object.keys(found['one'] ?? {}).sort(), ['float32', 'float64', 'old']);
    assert.equal(found['two']?.['float64']?.length, 200);
  });

  it('gives the same for every damage: cuts, flipped bits, zeros, long claims', async () => {
    const events = [versionEvent(), ...[1, 2, 3, 4].map((step) => scalarEvent('loss', step, step / 3))];
    const records = events.map(record);
    const whole = Buffer.concat(records);
    const put = (name: string, ...parts: Buffer[]) => {
      mkdirSync(path.join(logdir, name));
      writeFileSync(path.join(logdir, name, 'events.out.tfevents.1.host'), Buffer.concat(parts));
    };
    for (let cut = 0; cut <= records.at(-1)!.length; cut++) put(`cut${cut}`, whole.subarray(0, whole.length - cut));
    for (let bit = 0; bit < whole.length * 8; bit += 7) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      put(`flip${bit}`, damaged);
    }
    for (const zeros of [1, 11, 12, 13, 4096]) put(`zeros${zeros}`, whole, Buffer.alloc(zeros));
    // Larger claims make EventAccumulator itself fail: it asks for that much memory.
    for (const claim of [2n ** 20n, 2n ** 31n]) put(`claim${claim}`, whole, recordHead(claim), whole);
    const found = await exported(true);
    const truth = (await runPython(READ_WITH_TENSORBOARD, logdir)) as Runs;
    for (const run of Object.keys(truth)) assert.deepEqual(found[run], truth[run], run);
    assert.equal(Object.keys(truth).length, readdirSync(logdir).length);
    assert.equal(found['cut0']?.['loss']?.length, 4);
  });

  it('gives the same for a hundred thousand tags', async () => {
    const tags = Array.from({ length: 100_000 }, (_, i) => scalarEvent(`group${i % 100}/tag${i}`, i % 7, i / 3));
    writeFileSync(path.join(logdir, 'events.out.tfevents.1.host'), eventFile(versionEvent(), ...tags));
    assert.deepEqual(await exported(), await runPython(READ_WITH_TENSORBOARD, logdir));
  });

  for (const writer of ['pytorch', 'tensorflow']) {
    it(`gives the same for what ${writer} wrote`, async () => {
      const fixture = path.join(import.meta.dirname, `../../fixtures/events/${writer}`);
      for (const name of readdirSync(fixture, { recursive: true, withFileTypes: true })) {
        const folder = path.join(logdir, path.relative(fixture, name.parentPath));
        mkdirSync(folder, { recursive: true });
        if (name.isFile())
          writeFileSync(path.join(folder, name.name), readFileSync(path.join(name.parentPath, name.name)));
      }
      const found = await exported();
      assert.deepEqual(found, await runPython(READ_WITH_TENSORBOARD, logdir));
      assert.equal(Object.values(found)[0]?.['train/loss']?.length, 20);
    });
  }

  it('follows a live writer to its last point', async () => {
    const points = new Map<string, number>();
    const problems: unknown[] = [];
    const tail = tailLogdir(logdir, {
      signal: new AbortController().signal,
      onDelivery: (delivery) => {
        problems.push(...delivery.problems);
        for (const { tag, values } of delivery.scalars) {
          const key = `${delivery.run}:${tag}`;
          points.set(key, (points.get(key) ?? 0) + values.length);
        }
      },
    });
    await runPython(WRITE_WITH_TENSORBOARDX, logdir);
    await tail.finish();
    const truth = (await runPython(READ_WITH_TENSORBOARD, logdir)) as Runs;
    const counts = Object.entries(truth).flatMap(([run, tags]) =>
      Object.entries(tags).map(([tag, series]) => [`${run}:${tag}`, series.length] as const),
    );
    assert.deepEqual([...points].sort(), counts.sort());
    assert.deepEqual(problems, []);
  });
});
