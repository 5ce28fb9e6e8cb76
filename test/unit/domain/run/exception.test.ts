import assert from 'node:assert/strict';
import { lastException } from '../../../../server/domain/run/exception.ts';

const work = '/runs/r1/work';
const log = `epoch 1
Traceback (most recent call last):
  File "${work}/early.py", line 1, in <module>
    raise KeyError('handled')
KeyError: 'handled'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "${work}/train.py", line 40, in <module>
    main()
  File "${work}/model/net.py", line 7, in forward
    return x @ w
  File "/venv/lib/python3.11/site-packages/numpy/core.py", line 3, in matmul
    raise ValueError("shapes: (2,3) and (4,5)")
ValueError: shapes: (2,3) and (4,5)
`;

describe('exception of a run', () => {
  it('is the last one of the log, at the last frame of the run’s own code', () => {
    const frame = { file: 'model/net.py', line: 7, function: 'forward' };
    assert.deepEqual(lastException(log, work), { type: 'ValueError', message: 'shapes: (2,3) and (4,5)', frame });
  });

  it('keeps a frame of a library when no own code is in the trace', () => {
    const text =
      'Traceback (most recent call last):\n  File "/lib/x.py", line 3, in f\n    g()\ntorch.cuda.OutOfMemoryError: no room\n';
    assert.deepEqual(lastException(text, work), {
      type: 'torch.cuda.OutOfMemoryError',
      message: 'no room',
      frame: { file: '/lib/x.py', line: 3, function: 'f' },
    });
  });

  it('takes an exception without a message', () => {
    assert.equal(
      lastException('Traceback (most recent call last):\n  File "a.py", line 1\nKeyboardInterrupt', work)?.type,
      'KeyboardInterrupt',
    );
  });

  it('is none where the log has no traceback, or is cut off inside one', () => {
    assert.equal(lastException('all good\n', work), undefined);
    assert.equal(lastException('Traceback (most recent call last):\n  File "a.py", line 1, in f\n', work), undefined);
  });
});
