// What stands around every chart: its title, its numbers as a table, and a menu that copies and saves them.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { middleEllipsis } from '../../server/protocol/format/number.ts';
import { Menu } from '../components/Menu.tsx';
import { Button } from '../components/toolkit.tsx';
import { m } from '../i18n/index.ts';
import { useClient } from '../store/hooks.ts';
import { type NumberTable, type Picture, saveCsv, savePng, saveSvg, tsvOf } from './chartFiles.ts';
import './charts.css';

/** Rows of the table on the page; the menu copies and saves all of them. */
const tableRows = 500;
const titleLength = 60;

export interface ChartCardProps {
  title: string;
  /** Pixels of the chart, and of the table in its place. */
  height: number;
  /** The numbers; made only when somebody asks for them. */
  table: () => NumberTable;
  /** The picture for files; made only when somebody asks for it. */
  picture?: () => Picture | undefined;
  /** Further buttons beside *Table*. */
  actions?: ComponentChildren;
  /** The line between title and chart, and the one below it; both keep their place. */
  reading?: ComponentChildren;
  notes?: ComponentChildren;
  /** A mark for tests and for measuring: which chart this is. */
  name?: string;
  children: ComponentChildren;
}

export function ChartCard(props: ChartCardProps) {
  const { title, height, table, picture, actions, reading, notes, name, children } = props;
  const [isTable, setIsTable] = useState(false);
  const client = useClient();
  const items = [
    { title: m.copyNumbers, act: () => client.send({ type: 'copy', text: tsvOf(table()) }) },
    { title: m.saveAs('CSV'), act: () => saveCsv(client, title, table()) },
  ];
  const drawn = picture && (() => picture());
  if (drawn) {
    items.push(
      { title: m.saveAs('PNG'), act: () => withPicture(drawn, (made) => savePng(client, title, made)) },
      { title: m.saveAs('SVG'), act: () => withPicture(drawn, (made) => saveSvg(client, title, made)) },
    );
  }
  return (
    <section class="chart-card" aria-label={title} data-chart={name}>
      <header>
        <h4 title={title}>{middleEllipsis(title, titleLength)}</h4>
        <span class="chart-actions">
          {actions}
          <Button appearance="icon" pressed={isTable} onClick={() => setIsTable(!isTable)} label={m.showAsTable}>
            {m.table}
          </Button>
          <Menu label={m.exportChart} items={items} />
        </span>
      </header>
      {reading !== undefined && <p class="reading">{reading}</p>}
      {isTable ? <Numbers title={title} table={table()} height={height} /> : children}
      {notes !== undefined && <p class="notes">{notes}</p>}
    </section>
  );
}

function withPicture(picture: () => Picture | undefined, use: (picture: Picture) => void): void {
  const made = picture();
  if (made) use(made);
}

function Numbers({ title, table, height }: { title: string; table: NumberTable; height: number }) {
  const hidden = table.rows.length - tableRows;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <div class="point-table" style={{ height: `${height}px` }} tabIndex={0}>
      <table>
        <caption class="sr-only">{title}</caption>
        <thead>
          <tr>
            {table.head.map((column) => (
              <th key={column} class="end">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.slice(0, tableRows).map((cells, i) => (
            // rows of numbers have no other identity
            <tr key={i}>
              {cells.map((cell, column) => (
                <td key={table.head[column]} class="end">
                  {cell ?? '–'}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {hidden > 0 && <p class="quiet">{m.moreRowsInFile(String(hidden))}</p>}
    </div>
  );
}
