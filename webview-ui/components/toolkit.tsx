// The only place that knows @vscode/webview-ui-toolkit: its elements as small components of ours, so that the toolkit
// (archived upstream) can be replaced here alone. Only what is used is registered; elements whose templates carry style
// attributes (badge, data grid) are left out, because our content security policy blocks those.
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeProgressRing,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';
import { type ComponentChildren, h } from 'preact';

provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeCheckbox(), vsCodeProgressRing(), vsCodeTextField());

// The toolkit reads the theme again when the class of <body> changes, as VS Code makes it; in a browser nobody does.
window
  .matchMedia('(prefers-color-scheme: dark)')
  .addEventListener('change', ({ matches }) => document.body.classList.toggle('dark', matches));

export interface ButtonProps {
  children: ComponentChildren;
  onClick: () => void;
  appearance?: 'primary' | 'secondary' | 'icon';
  disabled?: boolean;
  /** For buttons that switch something on and off. */
  pressed?: boolean;
  /** The accessible name and the hover, where the children alone do not say it. */
  label?: string;
}

export function Button({ children, onClick, appearance = 'secondary', disabled, pressed, label }: ButtonProps) {
  return h(
    'vscode-button',
    {
      appearance,
      disabled: disabled ?? false,
      onClick: () => disabled || onClick(),
      title: label,
      'aria-label': label,
      'aria-pressed': pressed,
      class: pressed ? 'pressed' : undefined,
    },
    children,
  );
}

export function ProgressRing({ label }: { label: string }) {
  return h('vscode-progress-ring', { 'aria-label': label });
}

export interface CheckboxProps {
  children: ComponentChildren;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function Checkbox({ children, checked, onChange }: CheckboxProps) {
  const read = (event: Event) => onChange((event.target as HTMLInputElement).checked);
  return h('vscode-checkbox', { checked, onChange: read }, children);
}

export interface TextFieldProps {
  label: string;
  value: string;
  placeholder?: string;
  onInput: (value: string) => void;
  onKeyDown?: (event: KeyboardEvent) => void;
}

export function TextField({ label, value, placeholder, onInput, onKeyDown }: TextFieldProps) {
  const read = (event: Event) => onInput((event.target as HTMLInputElement).value);
  return h('vscode-text-field', {
    'aria-label': label,
    value,
    placeholder: placeholder ?? label,
    onInput: read,
    onKeyDown,
  });
}
