// What tests/test_page_in_browser.py asks of the page: measures of its boxes, texts, colours and landmarks.
() => {
  const width = document.documentElement.clientWidth;
  const name = (element) => `${element.tagName.toLowerCase()} ${(element.textContent || "").trim().slice(0, 40)}`;

  const parse = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
    return { rgb: [red, green, blue], alpha };
  };
  const blend = (over, alpha, under) => over.map((value, index) => alpha * value + (1 - alpha) * under[index]);
  const luminance = (rgb) => {
    const [red, green, blue] = rgb.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((first, second) => first - second);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, { rgb, alpha }) => blend(rgb, alpha, under), [255, 255, 255]);
  };
  const behindInChart = (text, chart) => {
    const box = text.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    let under = behind(chart.parentElement);
    for (const shape of chart.querySelectorAll("path, use")) {
      const [style, at] = [getComputedStyle(shape), shape.getBoundingClientRect()];
      const covers = at.left < x && x < at.right && at.top < y && y < at.bottom;
      if (covers && style.fill !== "none") {
        const { rgb, alpha } = parse(style.fill);
        under = blend(rgb, alpha * style.fillOpacity * style.opacity, under);
      }
    }
    return under;
  };

  const contrasts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const box = element.getBoundingClientRect();
    if (!walker.currentNode.data.trim() || !box.width || !box.height) continue;
    const [style, chart] = [getComputedStyle(element), element.closest("svg")];
    const [under, colour] = chart
      ? [behindInChart(element, chart), parse(style.fill)]
      : [behind(element), parse(style.color)];
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    contrasts.push({ name: name(element), large, contrast: contrast(blend(colour.rgb, colour.alpha, under), under) });
  }

  const charts = [...document.querySelectorAll("svg")].map((chart) => {
    const box = chart.getBoundingClientRect();
    const scale = box.width / chart.viewBox.baseVal.width;
    const texts = [...chart.querySelectorAll("text")].map((text) => {
      const { left, right, top, bottom } = text.getBoundingClientRect();
      return { text: text.textContent, size: scale * parseFloat(getComputedStyle(text).fontSize), left, right, top, bottom };
    });
    const { left, right, top, bottom } = box;
    return { label: chart.getAttribute("aria-label"), role: chart.getAttribute("role"), left, right, top, bottom, texts };
  });

  const wide = [...document.querySelectorAll("main *")].filter(
    (element) => element.getBoundingClientRect().right > width + 1 || element.scrollWidth > width,
  );
  const regions = [...document.querySelectorAll(".scroll")].map((region) => ({
    label: region.getAttribute("aria-label"),
    role: region.getAttribute("role"),
    focusable: region.tabIndex === 0,
  }));
  const broken = [...document.querySelectorAll("td[data-label] span")].filter(
    (label) => /^\p{L}+$/u.test(label.textContent) && label.getClientRects().length > 1,
  );
  return {
    width,
    broken: broken.map(name),
    scrollWidth: document.documentElement.scrollWidth,
    wide: wide.map(name),
    background: luminance(behind(document.body)),
    contrasts,
    charts,
    regions,
    headings: [...document.querySelectorAll("h2")]
      .filter((heading) => heading.getBoundingClientRect().height > 0)
      .map((heading) => heading.textContent),
    links: [...document.querySelectorAll("nav a")].map((link) => document.querySelector(link.hash)?.textContent.trim()),
    headersWithoutScope: [...document.querySelectorAll("th:not([scope])")].map(name),
  };
}
