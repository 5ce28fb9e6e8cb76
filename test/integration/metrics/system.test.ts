import assert from 'node:assert/strict';
import { parseGpuUsage } from '../../../server/runtimes/index.ts';
import { makePlace, type Place, until } from '../loop/place.ts';

describe('system metrics of a run', function () {
  this.timeout(120_000);
  let place: Place;
  before(async () => {
    place = await makePlace();
  });
  after(() => place.close());

  it('tell processor and memory of all its processes while it works, and stay when it has ended', async function () {
    if (process.platform !== 'linux') this.skip();
    const server = await place.serve();
    // Two busy processes, one of them a child, and 100 MB held.
    const program =
      'const held = Buffer.alloc(1e8, 1); if (!process.argv[1]) require("child_process").spawn(process.execPath, ["-e", "for(;;);", "x"], { stdio: "ignore" }); for(;;) held[0]++;';
    const { id } = await server.call('startRun', {
      body: { folder: place.folder, command: [process.execPath, '-e', program] },
    });
    const tagsOf = async () => {
      const { tags } = await server.call('listRunMetrics', { params: { id } });
      return new Map(tags.map(({ tag, max }) => [tag, Number(max)]));
    };
    const tags = await until(async () => {
      const now = await tagsOf();
      return now.has('system/cpu (%)') ? now : undefined;
    }, 'a second sample');
    assert.equal(tags.get('system/processes'), 2);
    assert.ok(tags.get('system/memory (MiB)')! > 95 + 30, `${tags.get('system/memory (MiB)')} MiB`);
    assert.ok(tags.get('system/cpu (%)')! > 1, `${tags.get('system/cpu (%)')} %`);
    await server.call('stopRun', { params: { id }, body: {} });
    const ended = await until(async () => {
      const run = await server.call('getRun', { params: { id } });
      return run.endedAt !== undefined && run;
    }, 'the end');
    // They are no metrics of the model.
    assert.deepEqual(Object.keys(ended.metrics), []);
    assert.ok((await tagsOf()).has('system/memory (MiB)'));
  });

  it('read what nvidia-smi prints, with what a driver does not tell', () => {
    assert.deepEqual(parseGpuUsage('0, 87, 40536, 312.45, 61\n1, 0, 4, [N/A], [N/A]\n'), [
      { index: 0, utilization: 87, memoryBytes: 40536 * 2 ** 20, powerWatts: 312.45, temperatureCelsius: 61 },
      { index: 1, utilization: 0, memoryBytes: 4 * 2 ** 20, powerWatts: null, temperatureCelsius: null },
    ]);
    assert.deepEqual(parseGpuUsage('NVIDIA-SMI has failed\n'), []);
  });
});
