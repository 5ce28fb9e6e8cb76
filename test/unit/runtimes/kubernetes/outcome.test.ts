import assert from 'node:assert/strict';
import { endedOf, startedOf } from '../../../../server/runtimes/kubernetes/outcome.ts';
import { job, pod, terminated } from './objects.ts';

const disrupted = [{ type: 'DisruptionTarget', status: 'True' }];
const stop = { 'slipway.dev/stop': JSON.stringify({ at: 7, reason: 'enough', graceMs: 0 }) };
const held = [{ type: 'Suspended', status: 'True' }];
const over = (exitCode: number, message?: string, reason?: string) =>
  pod({ phase: exitCode === 0 ? 'Succeeded' : 'Failed', state: terminated(exitCode, message, reason) });

describe('the end of a Job', () => {
  it('is not told while its pod runs, though the work has ended: our container is still at work', () => {
    assert.equal(endedOf(job(), [pod({ state: terminated(0, 'exited 0') })]), undefined);
  });

  it('is the status that the launcher wrote', () => {
    const ended = endedOf(job(), [over(3, 'exited 3\n')])!;
    assert.deepEqual([ended.reason, ended.exitCode, ended.at], ['exited', 3, Date.parse('2026-01-01T00:00:09Z')]);
  });

  it('is a signal where the status is 128 and more', () => {
    assert.deepEqual(endedOf(job(), [over(137, 'exited 137')])!.signal, 'SIGKILL');
    assert.equal(endedOf(job(), [over(200, 'exited 200')])!.exitCode, 200);
  });

  it('is memory where the kernel killed it for that, whatever the launcher thought', () => {
    assert.match(endedOf(job(), [over(137, 'exited 137', 'OOMKilled')])!.detail, /memory/);
  });

  it('is a timeout, or no start, in the launcher’s words', () => {
    assert.equal(endedOf(job(), [over(143, 'timeout 143')])!.reason, 'timeout');
    const none = endedOf(job(), [over(127, 'notStarted 127 There is no command x in the image.')])!;
    assert.deepEqual([none.reason, none.detail], ['notStarted', 'There is no command x in the image.']);
  });

  it('is none when a pod was disrupted: another one follows', () => {
    const evicted = pod({ phase: 'Failed', state: terminated(143, 'exited 143'), conditions: disrupted });
    assert.equal(endedOf(job(), [evicted]), undefined);
  });

  it('is the last pod’s, where one was disrupted before it', () => {
    const evicted = pod({ name: 'a', phase: 'Failed', state: terminated(143), conditions: disrupted });
    const second = pod({
      name: 'b',
      created: '2026-01-01T00:01:00Z',
      phase: 'Succeeded',
      state: terminated(0, 'exited 0'),
    });
    assert.equal(endedOf(job(), [second, evicted])!.exitCode, 0);
  });

  it('is stopped, by whom it was asked for, with what the work made of it', () => {
    const ended = endedOf(job({ annotations: stop }), [over(0, 'exited 0')])!;
    assert.deepEqual([ended.reason, ended.exitCode], ['stopped', 0]);
    assert.match(ended.detail, /enough/);
  });

  it('is stopped without a pod only when the controller has confirmed that it makes none', () => {
    assert.equal(endedOf(job({ annotations: stop, suspend: true }), []), undefined);
    assert.equal(endedOf(job({ annotations: stop, suspend: true, conditions: held }), [])!.at, 7);
  });

  it('is lost where the Job has failed and its pod is gone', () => {
    const failed = [{ type: 'Failed', status: 'True', message: 'Job has reached the specified backoff limit' }];
    assert.equal(endedOf(job({ conditions: failed }), [])!.reason, 'lost');
  });

  it('is what is written at the Job, whatever else is seen', () => {
    const record = { ended: { at: 1, exitCode: 4, signal: null, reason: 'exited', detail: 'd' } };
    const written = { 'slipway.dev/ended': JSON.stringify(record) };
    assert.deepEqual(endedOf(job({ annotations: written }), [pod()]), record.ended);
  });

  it('is not told by a record that somebody damaged', () => {
    assert.equal(endedOf(job({ annotations: { 'slipway.dev/ended': '{"ended":1' } }), [pod()]), undefined);
  });
});

describe('the start of a Job', () => {
  it('is that of its first pod', () => {
    const first = pod({ name: 'a', phase: 'Failed', state: terminated(143), conditions: disrupted });
    const second = pod({ name: 'b', state: { running: { startedAt: '2026-01-01T00:02:00Z' } } });
    assert.equal(startedOf([second, first])!.bootId, 'a');
  });

  it('is none where the container could not be begun', () => {
    assert.equal(startedOf([over(127, 'notStarted 127 no')]), undefined);
    assert.equal(startedOf([over(128, '', 'StartError')]), undefined);
  });
});
