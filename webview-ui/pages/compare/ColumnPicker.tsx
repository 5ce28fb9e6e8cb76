import { useId, useState } from 'preact/hooks';
import { Icon } from '../../components/Icon.tsx';
import { Popover } from '../../components/Menu.tsx';
import { m } from '../../i18n/index.ts';
import { columnTitle } from './cells.ts';
import type { CompareColumn } from './compareData.ts';

const kinds: CompareColumn['kind'][] = ['param', 'metric', 'tag', 'attribute'];

export interface ColumnPickerProps {
  columns: readonly CompareColumn[];
  hidden: ReadonlySet<string>;
  onHide: (hidden: ReadonlySet<string>) => void;
  pinned: readonly string[];
  onPin: (pinned: readonly string[]) => void;
}

/** Which columns the table has: hidden ones are unticked, pinned ones stand first and stay whatever their values. */
export function ColumnPicker({ columns, hidden, onHide, pinned, onPin }: ColumnPickerProps) {
  const [search, setSearch] = useState('');
  const toggle = (id: string) => {
    const next = new Set(hidden);
    if (!next.delete(id)) next.add(id);
    onHide(next);
  };
  const fits = (column: CompareColumn) => columnTitle(column).toLowerCase().includes(search.toLowerCase());
  return (
    <Popover label={m.columns} button={m.columns}>
      {() => (
        <div class="column-picker">
          <input
            type="search"
            aria-label={m.filterColumns}
            placeholder={m.filterColumns}
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
          {kinds.map((kind) => {
            const members = columns.filter((column) => column.kind === kind && fits(column));
            return (
              members.length > 0 && (
                <fieldset key={kind}>
                  <legend>{m.columnKinds[kind]}</legend>
                  {members.map((column) => {
                    const isPinned = pinned.includes(column.id);
                    return (
                      <div key={column.id} class="column-choice">
                        <label>
                          <input type="checkbox" checked={!hidden.has(column.id)} onChange={() => toggle(column.id)} />
                          <span title={columnTitle(column)}>{columnTitle(column)}</span>
                        </label>
                        <button
                          type="button"
                          class={isPinned ? 'row-pin pinned' : 'row-pin'}
                          aria-pressed={isPinned}
                          title={isPinned ? m.unpin : m.pin}
                          onClick={() =>
                            onPin(isPinned ? pinned.filter((id) => id !== column.id) : [...pinned, column.id])
                          }
                        >
                          <Icon name="pin" />
                        </button>
                      </div>
                    );
                  })}
                </fieldset>
              )
            );
          })}
        </div>
      )}
    </Popover>
  );
}

export interface GroupPickerProps {
  columns: readonly CompareColumn[];
  chosen: string | undefined;
  onChoose: (column: string | undefined) => void;
}

/** By which column rows are grouped; those that differ come into question. */
export function GroupPicker({ columns, chosen, onChoose }: GroupPickerProps) {
  return (
    <Choice
      label={m.groupBy}
      value={chosen ?? ''}
      options={[
        { id: '', title: m.noGroups },
        ...columns
          .filter((column) => column.kind !== 'metric' && (column.differs || column.id === chosen))
          .map((column) => ({ id: column.id, title: columnTitle(column) })),
      ]}
      onChoose={(id) => onChoose(id === '' ? undefined : id)}
    />
  );
}

export interface ChoiceProps {
  label: string;
  value: string;
  options: readonly { id: string; title: string }[];
  onChoose: (id: string) => void;
}

/** One of several, by the browser's own list. */
export function Choice({ label, value, options, onChoose }: ChoiceProps) {
  const id = useId();
  return (
    <span class="choice">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option.id} value={option.id}>
            {option.title}
          </option>
        ))}
      </select>
    </span>
  );
}
