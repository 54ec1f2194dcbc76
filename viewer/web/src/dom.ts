// Elements by code: no text of anybody is ever parsed as markup.

type Attributes = Record<string, string | number | boolean | EventListener>;

/** An element. Attributes whose value is a function are listeners; `false` leaves one out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false) element.setAttribute(key, String(value));
  }
  element.append(...children);
  return element;
}
