"""Every word of the page, in English and in Chinese. Floor 4."""

WORDS: dict[str, tuple[str, str]] = {
    "step": ("step", "步"),
    "unit": ("unit", "单元"),
    "colour": ("colour by", "着色"),
    "moved": ("what moved the answer", "哪一步影响了结果"),
    "order": ("units", "单元顺序"),
    "by_number": ("by number", "按编号"),
    "by_peak": ("by when they peak", "按峰值时刻"),
    "play": ("play", "播放"),
    "closer": ("closer", "放大"),
    "farther": ("farther", "缩小"),
    "whole": ("all", "全部"),
    "keys_step": ("step", "换步"),
    "keys_unit": ("unit", "换单元"),
    "keys_colour": ("colour", "换着色"),
    "keys_zoom": ("zoom", "缩放"),
    "keys_play": ("play", "播放"),
    "keys_language": ("language", "语言"),
    "input": ("The input", "输入"),
    "input_text": (
        "Each token has the colour of the chosen value of the chosen unit after it was read. Click one to go "
        "there.",
        "每个词元的颜色，是读完它之后所选单元的所选量。点击即可跳到那一步。",
    ),
    "input_signal": (
        "The values in their own unit, and below them the chosen unit in colour. Click to go to a step.",
        "数值使用原单位，下方色带是所选单元。点击即可跳到那一步。",
    ),
    "equations": ("One step in numbers", "这一步的数"),
    "equations_about": (
        "The equations of the cell, and beside them the numbers of this step and unit. Point at a number to "
        "see its name.",
        "单元的公式，旁边是这一步、这个单元的数。指向一个数可看到它的名称。",
    ),
    "maps": ("Gates and states", "门与状态"),
    "maps_about": (
        "A row for each unit, a column for each step. Click to choose both. Magenta is not a number.",
        "每行一个单元，每列一步。点击可同时选择。品红色表示不是数（NaN）。",
    ),
    "flow": ("How the gradient comes back", "梯度如何传回来"),
    "flow_about": (
        "The length of the gradient of what the network says, with respect to the states after each step.",
        "网络所给结果对每一步之后状态的梯度的长度。",
    ),
    "unrolled": ("Unrolled around this step", "在这一步附近展开"),
    "unrolled_about": (
        "Arrows are gradients of the states, as broad as their logarithm; bars show the equations they come "
        "through.",
        "箭头是状态的梯度，宽度按对数；小条表示梯度经过哪个公式。",
    ),
    "beside": ("The same input through other cells", "同一输入，换别的单元"),
    "beside_about": (
        "The gradient of the last output, as a share of its largest at the last step. Untrained cells have "
        "random weights.",
        "最后一个输出的梯度，以最后一步的最大值为一。未训练的单元使用随机权重。",
    ),
    "trained": ("trained", "已训练"),
    "untrained": ("untrained", "未训练"),
    "neurons": ("Units that follow something", "跟随某种性质的单元"),
    "neurons_about": (
        "The units whose values go up and down with a property of the input, on this input alone, and the "
        "correlation. Press one to see it.",
        "数值随输入的某种性质起落的单元及其相关系数（只看这一个输入）。点击可查看。",
    ),
    "property": ("property", "性质"),
    "value": ("value", "量"),
    "followers": ("units that follow it", "跟随它的单元"),
    "in quotes": ("in quotes", "引号内"),
    "bracket depth": ("bracket depth", "括号深度"),
    "line length": ("line length", "行内位置"),
    "word length": ("word length", "词内位置"),
    "capital": ("capital", "大写字母"),
    "digit": ("digit", "数字"),
    "space": ("space", "空白"),
    "punctuation": ("punctuation", "标点"),
    "level": ("level", "数值"),
    "change": ("change", "变化"),
    "trend": ("trend", "趋势"),
    "spread": ("spread", "波动"),
    "time": ("time", "时间"),
    "health": ("Saturation", "饱和"),
    "health_about": (
        "Low and high: the share of values within 5 % of an end of the range. Stuck: units at one end in "
        "95 % of the steps. Dead: units that hardly move.",
        "低、高：落在量程两端 5 % 以内的比例。卡住：95 % 的步都在一端的单元。失活：几乎不动的单元。",
    ),
    "mean": ("mean", "均值"),
    "low": ("low", "低"),
    "high": ("high", "高"),
    "stuck": ("stuck", "卡住"),
    "dead": ("dead", "失活"),
    "not_finite": ("not a number", "非数"),
    "notes": ("What is not shown in full", "未完整显示的内容"),
    "offline": (
        "This page is one file. It asks nothing of the network; script and numbers are in it.",
        "这个页面只有一个文件，不访问网络；脚本和数据都在其中。",
    ),
    "no_script": ("This page needs its script to show anything.", "此页面需要运行自带的脚本。"),
}  # fmt: skip
