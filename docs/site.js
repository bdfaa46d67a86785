// What scrolls must be within reach of the keyboard, and landmarks of one kind need names.
addEventListener('load', () => {
  for (const box of document.querySelectorAll('pre, .table-wrapper, .output')) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0
  }
  document.querySelector('.sidebar-drawer')?.setAttribute('aria-label', 'All pages')
  document.querySelector('.toc-drawer')?.setAttribute('aria-label', 'On this page')
})
