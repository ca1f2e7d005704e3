(function () {
  var box = document.getElementById('live');
  if (!window.fetch || !window.DOMParser || !box) return;
  box.parentNode.hidden = false;
  setInterval(function () {
    if (document.hidden || !box.checked) return;
    fetch(location.href, { cache: 'no-store', credentials: 'same-origin' }).then(function (answer) {
      return answer.ok ? answer.text() : Promise.reject(answer.status);
    }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, 'text/html').getElementById('now');
      var open = document.querySelector('details[open]');
      if (!fresh) return;
      document.getElementById('now').replaceWith(fresh);
      if (open && fresh.querySelector('details')) fresh.querySelector('details').open = true;
    }).catch(function () {});
  }, 5000);
})();
