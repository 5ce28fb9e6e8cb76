import assert from 'node:assert/strict';
import { exactTime, formatSpan, relativeTime } from '../../../../server/protocol/format/time.ts';

const now = Date.UTC(2026, 10, 22, 12, 0, 0);
const minute = 60_000;
const hour = 60 * minute;
const units = { days: ' d', hours: ' h', minutes: ' min', seconds: ' s' };

describe('times', () => {
  it('are relative in the largest unit that fits, in both directions', () => {
    const read = [-10_000, -2 * minute, -70 * minute, -26 * hour, 5 * minute].map((ms) =>
      relativeTime(now + ms, now, 'en'),
    );
    assert.deepEqual(read, ['now', '2 min. ago', '1 hr. ago', 'yesterday', 'in 5 min.']);
  });

  it('are relative in Korean too', () => {
    assert.equal(relativeTime(now - 3 * hour, now, 'ko'), '3시간 전');
  });

  it('are exact to the second where somebody asks', () => {
    assert.match(exactTime(now + 1000, 'en', 'UTC'), /Nov 22, 2026.*12:00:01/);
  });
});

describe('spans', () => {
  it('have their two largest units', () => {
    const read = [0, 300, 34_000, 83_000, 2 * hour, 125 * minute, 50 * hour].map((ms) => formatSpan(ms, units));
    assert.deepEqual(read, ['0 s', '0.3 s', '34 s', '1 min 23 s', '2 h', '2 h 5 min', '2 d 2 h']);
  });

  it('never read 60 seconds', () => {
    assert.equal(formatSpan(59_900, units), '1 min');
  });
});
