"use strict";
(function () {
  const specs = JSON.parse(document.getElementById("chart-specifications").textContent);
  const PRINTED_WIDTH = { wide: 700, half: 344 };
  const views = [];

  function say(element, error) {
    element.textContent = "This chart can't be drawn here; its numbers are in the CSV.";
    element.setAttribute("data-chart", "failed");
    console.error(element.id, error);
  }

  function draw(element) {
    const options = { actions: false, renderer: "svg", mode: "vega-lite" };
    vegaEmbed(element, specs[element.dataset.name], options).then(
      (result) => {
        views.push({ element, view: result.view });
        element.setAttribute("data-chart", "drawn");
      },
      (error) => say(element, error),
    );
  }

  function fit(widthOf) {
    for (const { element, view } of views) view.width(widthOf(element)).run();
  }

  document.querySelectorAll(".chart").forEach(draw);
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => (part.open = true));
    fit((element) =>
      element.closest(".wide") ? PRINTED_WIDTH.wide : PRINTED_WIDTH.half,
    );
  });
  window.addEventListener("afterprint", () => fit((element) => element.clientWidth));
})();
