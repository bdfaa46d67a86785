// What scrolls must be within reach of the keyboard, and landmarks of one kind need names.
addEventListener('load', () => {
  for (const box of document.querySelectorAll('pre, .table-wrapper, .output')) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0
  }
  // The titles in the side bar call themselves headings, and not of which level.
  document.querySelectorAll('.sidebar-tree .caption').forEach(it => it.removeAttribute('role'))
  document.querySelector('.sidebar-drawer')?.setAttribute('aria-label', 'All pages')
  document.querySelector('.toc-drawer')?.setAttribute('aria-label', 'On this page')
})
